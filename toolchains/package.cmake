# What 'cmake --install' and 'cpack -G DEB' deliver. The shared library is made of the objects of librefatom.a.
include(CMakePackageConfigHelpers)
set(rfa_cmake_dir ${CMAKE_INSTALL_LIBDIR}/cmake/refatom)

if(NOT RFA_STATIC)
  add_library(refatom_shared SHARED $<TARGET_OBJECTS:refatom>)
  set_target_properties(refatom_shared PROPERTIES OUTPUT_NAME refatom EXPORT_NAME refatom LINKER_LANGUAGE C
    VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR})
  target_link_libraries(refatom_shared PRIVATE $<$<BOOL:${RFA_OPENMP}>:OpenMP::OpenMP_C>
    $<$<BOOL:${RFA_OPENBLAS}>:PkgConfig::OPENBLAS> $<$<BOOL:${RFA_CUDA}>:CUDA::cudart_static> m)
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

# ---------------------------------------------------------------- Debian packages: cpack -G DEB in a build with CMAKE_INSTALL_PREFIX=/usr
set(RFA_DEB_ARCHITECTURE "" CACHE STRING "Architecture of the Debian packages; empty: this machine's")
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_CONTACT "The refatom authors <refatom@refatom.invalid>")
set(CPACK_PACKAGE_VENDOR refatom)
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_COMPONENTS_ALL program library dev data)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_ARCHITECTURE ${RFA_DEB_ARCHITECTURE})
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
set(CPACK_PRE_BUILD_SCRIPTS ${PROJECT_SOURCE_DIR}/toolchains/debian/finish.cmake)
set(CPACK_POST_BUILD_SCRIPTS ${PROJECT_SOURCE_DIR}/toolchains/debian/without_scripts.cmake)

set(CPACK_DEBIAN_PROGRAM_PACKAGE_NAME refatom)
set(CPACK_DEBIAN_PROGRAM_PACKAGE_SECTION science)
set(CPACK_DEBIAN_PROGRAM_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PROGRAM_PACKAGE_RECOMMENDS refatom-data)
set(CPACK_COMPONENT_PROGRAM_DESCRIPTION "tell what a person in a video is doing, and where
A caption means one person of a video. refatom answers what this person is
doing, several actions at once where that is so, and draws a box, with the
models RefAtomNet++ and RefAtomNet on the CPU, from one model file.")

set(CPACK_DEBIAN_LIBRARY_PACKAGE_NAME librefatom${PROJECT_VERSION_MAJOR})
set(CPACK_DEBIAN_LIBRARY_PACKAGE_SECTION libs)
set(CPACK_DEBIAN_LIBRARY_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_LIBRARY_PACKAGE_CONTROL_EXTRA "${PROJECT_SOURCE_DIR}/toolchains/debian/shlibs;${PROJECT_SOURCE_DIR}/toolchains/debian/triggers")
set(CPACK_COMPONENT_LIBRARY_DESCRIPTION "RefAtomNet++ on CPUs: shared library
Runs the models RefAtomNet++ and RefAtomNet. Nothing is allocated after
set-up, and an int8 model gives the same bits on every CPU.")

set(CPACK_DEBIAN_DEV_PACKAGE_NAME librefatom-dev)
set(CPACK_DEBIAN_DEV_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_DEV_PACKAGE_DEPENDS "librefatom${PROJECT_VERSION_MAJOR} (= ${PROJECT_VERSION})")
set(CPACK_DEBIAN_DEV_PACKAGE_SUGGESTS libopenblas-dev) # for static programs
set(CPACK_COMPONENT_DEV_DESCRIPTION "RefAtomNet++ on CPUs: development files
Header, static library, pkg-config and CMake files of librefatom.")

set(CPACK_DEBIAN_DATA_PACKAGE_NAME refatom-data)
set(CPACK_DEBIAN_DATA_PACKAGE_SECTION science)
set(CPACK_DEBIAN_DATA_PACKAGE_ARCHITECTURE all)
set(CPACK_COMPONENT_DATA_DESCRIPTION "tell what a person in a video is doing: a small model
refatom-tiny, a trained model for clips of drawn figures, and one such clip.")
include(CPack)
