# The one table of instruction sets: the end of a file's name gives its compile flags. Headers *_vec.h are
# written for several; the test of headers takes the oldest.
set(ALB_ISA_TABLE
  "vec|-mavx2 -mfma -mf16c"
  "avx2|-mavx2 -mfma -mf16c"
  "avx512|-mavx512f -mavx512bw -mavx512vl -mavx512dq -mfma -mf16c -mprefer-vector-width=512"
  "avxvnni|-mavx2 -mfma -mavxvnni"
  "vnni|-mavx512f -mavx512bw -mavx512vl -mavx512dq -mavx512vnni -mfma -mf16c -mprefer-vector-width=512"
  "amx|-mavx512f -mavx512bw -mavx512vl -mavx512dq -mamx-tile -mamx-int8 -mamx-bf16")

function(alb_isa_flags target)
  get_target_property(sources ${target} SOURCES)
  if(NOT sources)
    return()
  endif()
  foreach(row IN LISTS ALB_ISA_TABLE)
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
