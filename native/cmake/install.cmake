# find_package(tpgan) then gives tpgan::tpgan_reference and, where it was built, TPGAN_FATBIN.
include(CMakePackageConfigHelpers)
set(TPGAN_PACKAGE_DIR "${CMAKE_INSTALL_LIBDIR}/cmake/tpgan")

install(TARGETS tpgan_reference EXPORT tpgan_targets)
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
