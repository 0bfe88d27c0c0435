# What both test programs use.
add_library(tpgan_test_cases STATIC
  native/tests/align_case.cpp
  native/tests/json.cpp
  native/tests/output_case.cpp
  native/tests/pictures.cpp)
target_include_directories(tpgan_test_cases PUBLIC native/src native/tests)
target_compile_definitions(tpgan_test_cases PUBLIC
  "TPGAN_CASES=\"${PROJECT_SOURCE_DIR}/native/tests/cases\"")
target_link_libraries(tpgan_test_cases PUBLIC tpgan_reference tpgan_engine_file tpgan_options)

add_executable(tpgan_tests
  native/tests/main.cpp
  native/tests/align_test.cpp
  native/tests/engine_test.cpp
  native/tests/fuzz_test.cpp
  native/tests/geometry_test.cpp
  native/tests/half_test.cpp
  native/tests/output_test.cpp
  native/tests/status_test.cpp)
target_link_libraries(tpgan_tests PRIVATE tpgan_test_cases)
foreach(name align finish paste geometry half status fuzz engine)
  add_test(NAME ${name} COMMAND tpgan_tests ${name})
endforeach()

# The SDK against fakes of TensorRT 10 and 11 and of the driver: wherever a compiler is.
add_library(tpgan_fake_cuda SHARED native/tests/fake/cuda.cpp)
set_target_properties(tpgan_fake_cuda PROPERTIES
  OUTPUT_NAME cuda SUFFIX .so.1 LIBRARY_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/fake")
target_include_directories(tpgan_fake_cuda PRIVATE native/src native/include)
find_package(Threads REQUIRED)
target_link_libraries(tpgan_fake_cuda PRIVATE tpgan_options Threads::Threads)
add_executable(tpgan_sdk_tests
  native/tests/allocations.cpp
  native/tests/sdk_test.cpp
  native/tests/fake/nvinfer.cpp
  ${TPGAN_SDK_SOURCES})
target_include_directories(tpgan_sdk_tests SYSTEM PRIVATE native/tests/fake/tensorrt)
target_link_libraries(tpgan_sdk_tests PRIVATE tpgan_test_cases ${CMAKE_DL_LIBS})
add_dependencies(tpgan_sdk_tests tpgan_fake_cuda)
foreach(version 10 11)
  add_test(NAME sdk_${version} COMMAND tpgan_sdk_tests)
  set_tests_properties(sdk_${version} PROPERTIES
    ENVIRONMENT "LD_LIBRARY_PATH=${PROJECT_BINARY_DIR}/fake;FAKE_TENSORRT=${version}")
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
  # The program itself, where there is no GPU.
  add_test(NAME gpu_on_fake COMMAND tpgan_gpu_tests compare)
  set_tests_properties(gpu_on_fake PROPERTIES
    ENVIRONMENT "LD_LIBRARY_PATH=${PROJECT_BINARY_DIR}/fake")
endif()
