# find_package(refatom [COMPONENTS shared static]):
#   refatom::refatom  the shared library, or the static one where no shared library was installed
#   refatom::static   librefatom.a with what it links
include("${CMAKE_CURRENT_LIST_DIR}/refatomTargets.cmake")

set(refatom_static_FOUND TRUE)
set(refatom_shared_FOUND FALSE)
if(TARGET refatom::refatom)
  set(refatom_shared_FOUND TRUE)
else()
  add_library(refatom::refatom INTERFACE IMPORTED)
  set_target_properties(refatom::refatom PROPERTIES INTERFACE_LINK_LIBRARIES refatom::static)
endif()

foreach(component IN LISTS refatom_FIND_COMPONENTS)
  if(NOT refatom_${component}_FOUND AND refatom_FIND_REQUIRED_${component})
    set(refatom_FOUND FALSE)
    set(refatom_NOT_FOUND_MESSAGE "refatom has no component ${component} here; there are shared and static, and a static build has no shared")
  endif()
endforeach()
