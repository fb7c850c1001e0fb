# alb_protobuf_c(TARGET FILE.proto): .proto to protobuf-c sources at build time; the header is
# included as "alb.pb-c.h".
find_program(PROTOC_C protoc-c REQUIRED)

function(alb_protobuf_c target proto)
  get_filename_component(stem ${proto} NAME_WE)
  get_filename_component(folder ${CMAKE_SOURCE_DIR}/${proto} DIRECTORY)
  set(out ${CMAKE_BINARY_DIR}/proto)
  file(MAKE_DIRECTORY ${out})
  add_custom_command(
    OUTPUT ${out}/${stem}.pb-c.c ${out}/${stem}.pb-c.h
    COMMAND ${PROTOC_C} --c_out=${out} -I ${folder} ${CMAKE_SOURCE_DIR}/${proto}
    DEPENDS ${CMAKE_SOURCE_DIR}/${proto} VERBATIM)
  add_library(${target}_proto STATIC ${out}/${stem}.pb-c.c ${out}/${stem}.pb-c.h)
  target_include_directories(${target}_proto SYSTEM PUBLIC ${out})
  target_link_libraries(${target}_proto PUBLIC dep_protobuf_c)
  # Of what is generated for each message the linker keeps what is called.
  target_compile_options(${target}_proto PRIVATE -ffunction-sections -fdata-sections
    $<$<CONFIG:Release>:-Os -fno-asynchronous-unwind-tables>)
  if(ALB_SANITIZE)
    target_compile_options(${target}_proto PRIVATE -fsanitize=${ALB_SANITIZE})
  endif()
  get_target_property(type ${target} TYPE)
  if(type STREQUAL INTERFACE_LIBRARY)
    target_link_libraries(${target} INTERFACE ${target}_proto)
  else()
    target_link_libraries(${target} PUBLIC ${target}_proto)
  endif()
endfunction()
