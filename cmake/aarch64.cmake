# Toolchain: 64-bit ARM with Debian's cross compiler; programs run under qemu-user. ALB_QEMU_CPU names the processor
# that it plays: max has all instruction sets, cortex-a53 plain NEON. The libraries are those that
# tools/arm64_libraries.sh unpacks into ALB_ARM64_LIBRARIES.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_C_COMPILER aarch64-linux-gnu-gcc)
set(CMAKE_C_LIBRARY_ARCHITECTURE aarch64-linux-gnu)
set(CMAKE_LIBRARY_ARCHITECTURE aarch64-linux-gnu)

set(ALB_QEMU_CPU max CACHE STRING "processor for qemu-aarch64 to play")
set(CMAKE_CROSSCOMPILING_EMULATOR qemu-aarch64;-cpu;${ALB_QEMU_CPU};-L;/usr/aarch64-linux-gnu)

set(ALB_ARM64_LIBRARIES ${CMAKE_CURRENT_LIST_DIR}/../build/arm64-libraries CACHE PATH "what tools/arm64_libraries.sh made")
# where libgfortran is, which OpenBLAS needs; old tags, for new ones don't hold for libraries of libraries
set(CMAKE_EXE_LINKER_FLAGS_INIT
  "-Wl,--disable-new-dtags,-rpath,'${ALB_ARM64_LIBRARIES}/usr/lib/aarch64-linux-gnu'")
list(APPEND CMAKE_TRY_COMPILE_PLATFORM_VARIABLES ALB_ARM64_LIBRARIES)
set(CMAKE_FIND_ROOT_PATH ${ALB_ARM64_LIBRARIES})
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
