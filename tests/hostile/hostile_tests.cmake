# Bad sources, one per rule, made anew for each run, and valid twins that must load.
add_executable(read_probe hostile/read_probe.c)
target_link_libraries(read_probe PRIVATE alb_all)
if(ALB_SANITIZE OR ALB_COVERAGE OR NOT CMAKE_BUILD_TYPE STREQUAL "Release")
  set(slow --slow)
endif()
alb_script_test(hostile python3 -B tests/hostile/run_hostile.py $<TARGET_FILE:read_probe>
  ${CMAKE_CURRENT_BINARY_DIR}/hostile ${slow})
add_executable(onnx_probe hostile/onnx_probe.c)
target_link_libraries(onnx_probe PRIVATE alb_converter)
alb_script_test(hostile_onnx python3 -B tests/hostile/run_onnx.py $<TARGET_FILE:onnx_probe>
  ${CMAKE_CURRENT_BINARY_DIR}/hostile_onnx ${slow})
