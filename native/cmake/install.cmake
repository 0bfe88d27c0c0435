# find_package(tpgan) then gives tpgan::tpgan_reference, tpgan::tpgan_engine_file, where TensorRT was
# found tpgan::tpgan, and where the kernels were built TPGAN_FATBIN.
include(CMakePackageConfigHelpers)
set(TPGAN_PACKAGE_DIR "${CMAKE_INSTALL_LIBDIR}/cmake/tpgan")

install(TARGETS tpgan_reference tpgan_engine_file EXPORT tpgan_targets)
if(TARGET tpgan)
  install(TARGETS tpgan EXPORT tpgan_targets)
  install(TARGETS tpgan_cli)
endif()
install(DIRECTORY native/include/tpgan DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}")
install(EXPORT tpgan_targets NAMESPACE tpgan:: DESTINATION "${TPGAN_PACKAGE_DIR}")
if(TARGET tpgan_kernels)
  install(FILES ${TPGAN_KERNELS_FILES} DESTINATION "${CMAKE_INSTALL_DATADIR}/tpgan")
endif()
configure_package_config_file(native/cmake/tpganConfig.cmake.in tpganConfig.cmake
  INSTALL_DESTINATION "${TPGAN_PACKAGE_DIR}" PATH_VARS CMAKE_INSTALL_DATADIR)
write_basic_package_version_file(tpganConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES
  "${PROJECT_BINARY_DIR}/tpganConfig.cmake" "${PROJECT_BINARY_DIR}/tpganConfigVersion.cmake"
  DESTINATION "${TPGAN_PACKAGE_DIR}")
