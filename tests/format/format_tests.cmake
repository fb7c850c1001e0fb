# The file format against a second reader, written in Python from docs/format.md alone.
add_executable(make_files format/make_files.c)
target_link_libraries(make_files PRIVATE alb_test_support)
add_executable(judge format/judge.c)
target_link_libraries(judge PRIVATE alb_format)

set(format_files ${CMAKE_CURRENT_BINARY_DIR}/format_files)
file(MAKE_DIRECTORY ${format_files})
add_test(NAME make_files COMMAND make_files ${format_files})
set_tests_properties(make_files PROPERTIES FIXTURES_SETUP format_files)

alb_script_test(read_format python3 -B tests/format/read_format.py ${format_files}/tiny.alb
  ${format_files}/tiny-compressed.alb ${format_files}/big.alb ${format_files}/big-compressed.alb
  ${format_files}/int4.alb ${format_files}/int5.alb ${format_files}/int6.alb ${format_files}/factors.alb)
alb_script_test(compare_readers python3 -B tests/format/compare_readers.py $<TARGET_FILE:judge> 800
  ${format_files}/tiny.alb ${format_files}/tiny-compressed.alb ${format_files}/int4.alb
  ${format_files}/int6.alb ${format_files}/factors.alb)
set_tests_properties(read_format compare_readers PROPERTIES FIXTURES_REQUIRED format_files)
alb_script_test(check_spec python3 -B tests/format/check_spec.py)

# Faults while writing: kills and errors at every system call, with and without O_TMPFILE.
add_executable(write_one format/write_one.c)
target_link_libraries(write_one PRIVATE alb_test_support)
add_executable(write_one_named format/write_one.c format/no_tmpfile.c)
target_link_libraries(write_one_named PRIVATE alb_test_support -Wl,--wrap=open)
if(NOT ALB_SANITIZE AND NOT ALB_COVERAGE) # both have system calls and messages of their own
  alb_script_test(faults python3 -B tests/format/faults.py $<TARGET_FILE:write_one> $<TARGET_FILE:write_one_named>)
endif()

# Memory running out at every allocation.
add_executable(format_alloc_fail format/alloc_fail.c)
target_link_libraries(format_alloc_fail PRIVATE alb_test_support dep_cmocka -Wl,--wrap=malloc -Wl,--wrap=calloc
  -Wl,--wrap=realloc -Wl,--wrap=aligned_alloc -Wl,--wrap=strdup -Wl,--wrap=strndup)
add_test(NAME format_alloc_fail COMMAND format_alloc_fail)
