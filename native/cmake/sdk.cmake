# The C++ SDK over TensorRT, and its example. The CUDA driver is opened at run time, and only the
# example links CUDA's runtime.
set(TPGAN_SDK_SOURCES
  native/src/sdk/c_api.cpp
  native/src/sdk/driver.cpp
  native/src/sdk/engine.cpp
  native/src/sdk/kernels.cpp
  native/src/sdk/pipeline.cpp)

find_path(TPGAN_TENSORRT_INCLUDE NvInfer.h HINTS ENV TENSORRT_ROOT PATH_SUFFIXES include)
find_library(TPGAN_TENSORRT_LIBRARY nvinfer HINTS ENV TENSORRT_ROOT PATH_SUFFIXES lib)
find_path(TPGAN_CUDART_INCLUDE cuda_runtime_api.h
  HINTS ENV CUDA_HOME PATHS /usr/local/cuda PATH_SUFFIXES include)
find_library(TPGAN_CUDART_LIBRARY cudart
  HINTS ENV CUDA_HOME PATHS /usr/local/cuda PATH_SUFFIXES lib64 lib)

foreach(need TENSORRT_INCLUDE TENSORRT_LIBRARY CUDART_INCLUDE CUDART_LIBRARY)
  if(NOT TPGAN_${need})
    message(STATUS "tpgan, tpgan_cli: not built, no TPGAN_${need} found (NvInfer.h and libnvinfer "
                   "come with TensorRT, see TENSORRT_ROOT; cudart with CUDA, see CUDA_HOME)")
    return()
  endif()
endforeach()
message(STATUS "tpgan, tpgan_cli: built with ${TPGAN_TENSORRT_INCLUDE}/NvInfer.h")

add_library(tpgan STATIC ${TPGAN_SDK_SOURCES})
add_library(tpgan::tpgan ALIAS tpgan)
target_include_directories(tpgan PRIVATE native/src)
target_include_directories(tpgan SYSTEM PRIVATE
  "${TPGAN_TENSORRT_INCLUDE}" "${TPGAN_CUDART_INCLUDE}")
target_link_libraries(tpgan
  PUBLIC tpgan_reference tpgan_engine_file
  PRIVATE "$<BUILD_INTERFACE:tpgan_options>" "${TPGAN_TENSORRT_LIBRARY}" ${CMAKE_DL_LIBS})

add_executable(tpgan_cli
  native/cli/arguments.cpp native/cli/main.cpp native/cli/ppm.cpp)
target_include_directories(tpgan_cli SYSTEM PRIVATE "${TPGAN_CUDART_INCLUDE}")
target_link_libraries(tpgan_cli PRIVATE tpgan tpgan_options "${TPGAN_CUDART_LIBRARY}")
