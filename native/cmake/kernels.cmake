# The kernels as a fatbin: device code only, the same file for x86-64 and aarch64. It is built by
# nvcc itself: CMake writes fatbins from 3.27 on, JetPack 6 brings 3.22.
if(NOT TPGAN_CUDA)
  message(STATUS "tpgan_kernels: not built, TPGAN_CUDA is OFF")
  return()
endif()

find_program(TPGAN_NVCC nvcc HINTS ENV CUDA_HOME PATHS /usr/local/cuda PATH_SUFFIXES bin)
if(NOT TPGAN_NVCC)
  if(TPGAN_CUDA STREQUAL "AUTO")
    message(STATUS "tpgan_kernels: not built, no nvcc found (set CUDA_HOME or TPGAN_NVCC)")
    return()
  endif()
  message(FATAL_ERROR "TPGAN_CUDA is ON but no nvcc was found: install the CUDA toolkit, set "
                      "CUDA_HOME or TPGAN_NVCC, or configure with -DTPGAN_CUDA=OFF")
endif()

execute_process(COMMAND "${TPGAN_NVCC}" --version
  OUTPUT_VARIABLE TPGAN_NVCC_TEXT COMMAND_ERROR_IS_FATAL ANY)
string(REGEX MATCH "release ([0-9]+\\.[0-9]+)" _ "${TPGAN_NVCC_TEXT}")
set(TPGAN_CUDA_VERSION "${CMAKE_MATCH_1}")
execute_process(COMMAND "${TPGAN_NVCC}" --list-gpu-code
  OUTPUT_VARIABLE TPGAN_KNOWN_SM COMMAND_ERROR_IS_FATAL ANY)
string(REGEX REPLACE "[\n ]+" ";" TPGAN_KNOWN_SM "${TPGAN_KNOWN_SM}")

set(TPGAN_SM_WANTED ${TPGAN_SM})
if(TPGAN_SM STREQUAL "jetson")
  include(native/cmake/jetson.cmake)
  tpgan_jetson_sm(TPGAN_SM_WANTED)
endif()
set(TPGAN_SM_USED)
set(TPGAN_GENCODE)
foreach(sm IN LISTS TPGAN_SM_WANTED)
  if("sm_${sm}" IN_LIST TPGAN_KNOWN_SM)
    list(APPEND TPGAN_SM_USED ${sm})
    list(APPEND TPGAN_GENCODE -gencode arch=compute_${sm},code=sm_${sm})
  endif()
endforeach()
if(NOT TPGAN_SM_USED)
  message(FATAL_ERROR "nvcc ${TPGAN_CUDA_VERSION} knows none of SM ${TPGAN_SM_WANTED}")
endif()
list(SORT TPGAN_SM_USED COMPARE NATURAL)
# PTX of the newest, for GPUs that come after it.
list(GET TPGAN_SM_USED -1 TPGAN_PTX)
list(APPEND TPGAN_GENCODE -gencode arch=compute_${TPGAN_PTX},code=compute_${TPGAN_PTX})
message(STATUS "tpgan_kernels: nvcc ${TPGAN_CUDA_VERSION}, SM ${TPGAN_SM_USED}, PTX ${TPGAN_PTX}")

set(TPGAN_NVCC_FLAGS -std=c++17 -O3 "-ccbin=${CMAKE_CXX_COMPILER}"
  "-I${PROJECT_SOURCE_DIR}/native/include" "-I${PROJECT_SOURCE_DIR}/native/src")
if(TPGAN_WERROR)
  list(APPEND TPGAN_NVCC_FLAGS -Werror all-warnings)
endif()
if(TPGAN_EXACT)
  list(APPEND TPGAN_NVCC_FLAGS --fmad=false)
endif()

set(TPGAN_FATBIN "${TPGAN_KERNELS_DIR}/tpgan_kernels.fatbin")
set(TPGAN_SIDECAR "${TPGAN_KERNELS_DIR}/tpgan_kernels.json")
set(TPGAN_KERNELS_FILES "${TPGAN_FATBIN}" "${TPGAN_SIDECAR}")
set(TPGAN_KERNELS_SOURCE "${PROJECT_SOURCE_DIR}/native/src/kernels.cu")
add_custom_command(
  OUTPUT ${TPGAN_KERNELS_FILES}
  COMMAND "${CMAKE_COMMAND}" -E make_directory "${TPGAN_KERNELS_DIR}"
  COMMAND "${TPGAN_NVCC}" -fatbin ${TPGAN_NVCC_FLAGS} ${TPGAN_GENCODE}
          -MD -MF "${PROJECT_BINARY_DIR}/kernels.d" -MT "${TPGAN_FATBIN}"
          -o "${TPGAN_FATBIN}" "${TPGAN_KERNELS_SOURCE}"
  COMMAND "${CMAKE_COMMAND}" "-DFATBIN=${TPGAN_FATBIN}" "-DSIDECAR=${TPGAN_SIDECAR}"
          "-DCUDA=${TPGAN_CUDA_VERSION}" "-DSM=${TPGAN_SM_USED}" "-DPTX=${TPGAN_PTX}"
          "-DVERSION=${PROJECT_VERSION}" "-DEXACT=${TPGAN_EXACT}"
          -P "${PROJECT_SOURCE_DIR}/native/cmake/sidecar.cmake"
  DEPENDS "${TPGAN_KERNELS_SOURCE}" "${PROJECT_SOURCE_DIR}/native/cmake/sidecar.cmake"
  DEPFILE "${PROJECT_BINARY_DIR}/kernels.d"
  COMMENT "Building tpgan_kernels.fatbin"
  VERBATIM)
add_custom_target(tpgan_kernels ALL DEPENDS ${TPGAN_KERNELS_FILES})
