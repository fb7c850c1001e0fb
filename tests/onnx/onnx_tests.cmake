# The reference interpreter for ONNX on node tests: those that are committed, and all of the ONNX project's when
# tools/fetch_node_tests.sh has brought them.
add_executable(run_node_tests onnx/run_node_tests.c)
target_link_libraries(run_node_tests PRIVATE alb_converter)
add_test(NAME onnx_nodes COMMAND run_node_tests tests/onnx/node tests/onnx/ort WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
alb_script_test(onnx_nodes_all sh tests/onnx/run_all.sh $<TARGET_FILE:run_node_tests> models/onnx-node-tests)

# Exports of many tools: recognised and equal to what ONNX Runtime gave, or refused.
if(TARGET albert-convert AND TARGET albert-run)
  alb_script_test(onnx_exports python3 -B tests/onnx/run_exports.py ${CMAKE_BINARY_DIR})
endif()
