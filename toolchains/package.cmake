# What 'cmake --install' and 'cpack -G DEB' deliver. The shared library is made of the objects of librefatom.a.
include(CMakePackageConfigHelpers)
set(rfa_cmake_dir ${CMAKE_INSTALL_LIBDIR}/cmake/refatom)

if(NOT RFA_STATIC)
  add_library(refatom_shared SHARED $<TARGET_OBJECTS:refatom>)
  set_target_properties(refatom_shared PROPERTIES OUTPUT_NAME refatom EXPORT_NAME refatom LINKER_LANGUAGE C
    VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR})
  target_link_libraries(refatom_shared PRIVATE $<$<BOOL:${RFA_OPENMP}>:OpenMP::OpenMP_C>
    $<$<BOOL:${RFA_OPENBLAS}>:PkgConfig::OPENBLAS> m)
  install(TARGETS refatom_shared EXPORT refatom INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
    LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT library NAMELINK_COMPONENT dev)
endif()

# ---------------------------------------------------------------- for programs that link the library
set_target_properties(refatom PROPERTIES EXPORT_NAME static)
install(TARGETS refatom EXPORT refatom INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
  ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT dev)
install(FILES src/refatom.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT dev)
install(EXPORT refatom FILE refatomTargets.cmake NAMESPACE refatom:: DESTINATION ${rfa_cmake_dir} COMPONENT dev)
write_basic_package_version_file(${PROJECT_BINARY_DIR}/refatomConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES toolchains/refatomConfig.cmake ${PROJECT_BINARY_DIR}/refatomConfigVersion.cmake DESTINATION ${rfa_cmake_dir} COMPONENT dev)

# refatom.pc finds its prefix by its own place, so that the folder may be moved. What only a static link needs stands in Libs.private and
# not in Requires.private: pkg-config would want OpenBLAS's development files of everyone who links the shared library.
set(rfa_private_libs ${OPENBLAS_LIBRARIES} ${rfa_openmp_libs} m)
list(TRANSFORM rfa_private_libs REPLACE "^([^/].*)" "-l\\1")
list(JOIN rfa_private_libs " " rfa_private_libs)
file(RELATIVE_PATH rfa_pc_prefix /prefix/${CMAKE_INSTALL_LIBDIR}/pkgconfig /prefix)
string(REGEX REPLACE "/$" "" rfa_pc_prefix "${rfa_pc_prefix}")
configure_file(toolchains/refatom.pc.in ${PROJECT_BINARY_DIR}/refatom.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/refatom.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig COMPONENT dev)

# ---------------------------------------------------------------- the program, and something to try it on
install(TARGETS refatom_cli DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT program)
install(FILES src/cli/refatom.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1 COMPONENT program)
install(FILES src/cli/refatom.bash DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions RENAME refatom COMPONENT program)
install(FILES models/tiny/refatom-tiny.gguf DESTINATION ${CMAKE_INSTALL_DATADIR}/refatom COMPONENT data)
install(FILES models/tiny/clips/test-0007.mp4 DESTINATION ${CMAKE_INSTALL_DATADIR}/refatom RENAME demo.mp4 COMPONENT data)
install(FILES LICENSE README.md DESTINATION ${CMAKE_INSTALL_DOCDIR} COMPONENT text)
