# The processors that have kernels of their own, in runtime/kernels/${ALB_ARCH}; others run the plain C.
if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64|amd64)$")
  set(ALB_ARCH x86)
elseif(CMAKE_SYSTEM_PROCESSOR MATCHES "^(aarch64|arm64|ARM64)$")
  set(ALB_ARCH arm)
else()
  set(ALB_ARCH none)
endif()

# The one table of instruction sets: the end of a file's name gives its compile flags. Headers *_vec.h are
# written for several; the test of headers takes the oldest. ARM's NEON needs no flag.
set(ALB_ISA_TABLE_x86
  "vec|-mavx2 -mfma -mf16c"
  "avx2|-mavx2 -mfma -mf16c"
  "avx512|-mavx512f -mavx512bw -mavx512vl -mavx512dq -mfma -mf16c -mprefer-vector-width=512"
  "avxvnni|-mavx2 -mfma -mf16c -mavxvnni"
  "vnni|-mavx512f -mavx512bw -mavx512vl -mavx512dq -mavx512vnni -mfma -mf16c -mprefer-vector-width=512"
  "amx|-mavx512f -mavx512bw -mavx512vl -mavx512dq -mamx-tile -mamx-int8 -mamx-bf16")
set(ALB_ISA_TABLE_arm
  "dotprod|-march=armv8.2-a+dotprod")

function(alb_isa_flags target)
  get_target_property(sources ${target} SOURCES)
  if(NOT sources)
    return()
  endif()
  foreach(row IN LISTS ALB_ISA_TABLE_${ALB_ARCH})
    string(REPLACE "|" ";" cells ${row})
    list(GET cells 0 suffix)
    list(GET cells 1 flags)
    foreach(source IN LISTS sources)
      if(source MATCHES "_${suffix}\\.c$")
        set_property(SOURCE ${source} APPEND_STRING PROPERTY COMPILE_FLAGS " ${flags}")
      endif()
    endforeach()
  endforeach()
endfunction()
