# What both test programs use.
add_library(tpgan_test_cases STATIC
  native/tests/align_case.cpp
  native/tests/json.cpp
  native/tests/output_case.cpp
  native/tests/pictures.cpp)
target_include_directories(tpgan_test_cases PUBLIC native/src native/tests)
target_compile_definitions(tpgan_test_cases PUBLIC
  "TPGAN_CASES=\"${PROJECT_SOURCE_DIR}/native/tests/cases\"")
target_link_libraries(tpgan_test_cases PUBLIC tpgan_reference tpgan_options)

add_executable(tpgan_tests
  native/tests/main.cpp
  native/tests/align_test.cpp
  native/tests/fuzz_test.cpp
  native/tests/geometry_test.cpp
  native/tests/half_test.cpp
  native/tests/output_test.cpp
  native/tests/status_test.cpp)
target_link_libraries(tpgan_tests PRIVATE tpgan_test_cases)
foreach(name align finish paste geometry half status fuzz)
  add_test(NAME ${name} COMMAND tpgan_tests ${name})
endforeach()

if(TARGET tpgan_kernels)
  find_path(TPGAN_CUDA_INCLUDE cuda.h
    HINTS ENV CUDA_HOME PATHS /usr/local/cuda PATH_SUFFIXES include)
  if(NOT TPGAN_CUDA_INCLUDE)
    message(STATUS "tpgan_gpu_tests: not built, no cuda.h found (set TPGAN_CUDA_INCLUDE)")
    return()
  endif()
  add_executable(tpgan_gpu_tests native/tests/gpu.cpp native/tests/gpu_test.cpp)
  target_include_directories(tpgan_gpu_tests SYSTEM PRIVATE "${TPGAN_CUDA_INCLUDE}")
  target_compile_definitions(tpgan_gpu_tests PRIVATE "TPGAN_FATBIN=\"${TPGAN_FATBIN}\"")
  target_link_libraries(tpgan_gpu_tests PRIVATE tpgan_test_cases ${CMAKE_DL_LIBS})
  add_dependencies(tpgan_gpu_tests tpgan_kernels)
  add_test(NAME gpu COMMAND tpgan_gpu_tests)
  set_tests_properties(gpu PROPERTIES SKIP_RETURN_CODE 77)
endif()
