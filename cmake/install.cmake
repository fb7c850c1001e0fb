# libalbert (shared and static) out of the runtime's folders, and what `cmake --install` puts where.
include(CMakePackageConfigHelpers)

set(runtime_folders alb_runtime alb_tokenizer alb_kernels alb_format alb_format_proto alb_base)
foreach(folder IN LISTS runtime_folders)
  get_target_property(type ${folder} TYPE)
  if(type STREQUAL "STATIC_LIBRARY")
    list(APPEND runtime_objects $<TARGET_OBJECTS:${folder}>)
  endif()
endforeach()

# The shared library takes its dependencies as shared libraries; who links the static one names them (albert.pc does).
set(runtime_dependencies protobuf-c z xxhash utf8proc pcre2-8)
add_library(albert SHARED ${runtime_objects})
add_library(albert_static STATIC ${runtime_objects})
foreach(library IN LISTS runtime_dependencies)
  find_library(shared_${library} ${library} REQUIRED)
  target_link_libraries(albert PRIVATE ${shared_${library}})
  target_link_libraries(albert_static INTERFACE ${library})
endforeach()
target_link_libraries(albert PRIVATE alb_flags Threads::Threads m)
target_link_options(albert PRIVATE -Wl,--gc-sections,-Map=$<TARGET_FILE:albert>.map)
target_link_libraries(albert_static INTERFACE pthread m)
set_target_properties(albert PROPERTIES LINKER_LANGUAGE C VERSION ${PROJECT_VERSION}
  SOVERSION ${PROJECT_VERSION_MAJOR})
set_target_properties(albert_static PROPERTIES LINKER_LANGUAGE C OUTPUT_NAME albert EXPORT_NAME static)
foreach(library albert albert_static)
  target_include_directories(${library} INTERFACE $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
endforeach()

install(TARGETS albert albert_static EXPORT albert LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}
  ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
foreach(program albert-convert albert-run)
  if(TARGET ${program})
    install(TARGETS ${program} RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
    install(FILES docs/${program}.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
    install(FILES cli/completion.bash RENAME ${program}
      DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions)
  endif()
endforeach()
install(PROGRAMS examples/train_fold.py DESTINATION ${CMAKE_INSTALL_DOCDIR}/examples)
install(FILES include/albert.h include/albert_status.h include/albert_status.def
  DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})

# pkg-config and find_package(albert): targets albert::albert and albert::static.
set(config_folder ${CMAKE_INSTALL_LIBDIR}/cmake/albert)
list(TRANSFORM runtime_dependencies PREPEND -l OUTPUT_VARIABLE ALB_PC_LIBRARIES)
list(JOIN ALB_PC_LIBRARIES " " ALB_PC_LIBRARIES)
file(RELATIVE_PATH ALB_PC_PREFIX ${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig ${CMAKE_INSTALL_PREFIX})
configure_file(cmake/albert.pc.in albert.pc @ONLY)
configure_package_config_file(cmake/albert-config.cmake.in albert-config.cmake INSTALL_DESTINATION ${config_folder})
write_basic_package_version_file(albert-config-version.cmake COMPATIBILITY SameMinorVersion)
install(EXPORT albert NAMESPACE albert:: FILE albert-targets.cmake DESTINATION ${config_folder})
install(FILES ${CMAKE_BINARY_DIR}/albert-config.cmake ${CMAKE_BINARY_DIR}/albert-config-version.cmake
  DESTINATION ${config_folder})
install(FILES ${CMAKE_BINARY_DIR}/albert.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
