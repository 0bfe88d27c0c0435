# TPGAN_SM=jetson: the SM of the Jetson that CMake runs on, as its device tree names the chip.
set(TPGAN_DEVICE_TREE "/proc/device-tree/compatible" CACHE FILEPATH
    "Where Linux names the board's chip")
mark_as_advanced(TPGAN_DEVICE_TREE)

function(tpgan_jetson_sm result)
  set(chips)
  if(EXISTS "${TPGAN_DEVICE_TREE}")
    # Names end with a zero byte each, at which file(STRINGS) begins another line.
    file(STRINGS "${TPGAN_DEVICE_TREE}" chips)
  endif()
  foreach(pair "tegra194=72" "tegra234=87" "tegra264=110")
    string(REPLACE "=" ";" pair "${pair}")
    list(GET pair 0 chip)
    list(GET pair 1 sm)
    if("${chips}" MATCHES "nvidia,${chip}")
      set(${result} ${sm} PARENT_SCOPE)
      return()
    endif()
  endforeach()
  message(FATAL_ERROR "TPGAN_SM is jetson, but ${TPGAN_DEVICE_TREE} names no Jetson that is known "
                      "(Xavier, Orin, Thor): set TPGAN_SM to the board's SM, 87 for Orin")
endfunction()
