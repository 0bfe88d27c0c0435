# What every C++ target is compiled with.
add_library(tpgan_options INTERFACE)
target_compile_options(tpgan_options INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wold-style-cast
  # GCC contracts by default where the processor can (aarch64): results would differ between them.
  -ffp-contract=off)
if(TPGAN_WERROR)
  target_compile_options(tpgan_options INTERFACE -Werror)
endif()
if(TPGAN_SANITIZE)
  set(TPGAN_SANITIZERS -fsanitize=address,undefined -fno-sanitize-recover=all
      -fno-omit-frame-pointer)
  target_compile_options(tpgan_options INTERFACE ${TPGAN_SANITIZERS})
  target_link_options(tpgan_options INTERFACE ${TPGAN_SANITIZERS})
endif()
