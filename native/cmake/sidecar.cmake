# Writes beside the fatbin what a loader must know: cmake -DFATBIN=... -P sidecar.cmake
file(SHA256 "${FATBIN}" SHA256)
string(REPLACE ";" ", " SM "${SM}")
if(EXACT)
  set(EXACT true)
else()
  set(EXACT false)
endif()
# `interface` counts changes of the kernels' names and arguments.
file(WRITE "${SIDECAR}" "{
  \"format\": 1,
  \"interface\": 2,
  \"version\": \"${VERSION}\",
  \"sha256\": \"${SHA256}\",
  \"cuda\": \"${CUDA}\",
  \"sm\": [${SM}],
  \"ptx\": ${PTX},
  \"exact\": ${EXACT}
}
")
