# The reference interpreter for ONNX on node tests: a few that are committed, and all of the ONNX project's when
# tools/fetch_node_tests.sh has brought them.
add_executable(run_node_tests onnx/run_node_tests.c)
target_link_libraries(run_node_tests PRIVATE alb_converter)
