#!/bin/sh
# Prints the settings (NAME=VALUE, for env(1)) with which openssl-sys links OpenSSL statically, and nothing where there
# are only shared libraries: looking up the symbols of those takes a third of the time of a short command.
set -eu
directory=$(pkg-config --variable=libdir openssl)
[ -e "$directory/libcrypto.a" ] || exit 0
# Since Debian 13 it needs zlib. It needs zstd too, which the programs have anyway.
libraries=ssl:crypto
case " $(pkg-config --static --libs-only-l openssl) " in
*" -lz "*)
    [ -e "$directory/libz.a" ] || exit 0
    libraries=$libraries:z
    ;;
esac
echo "OPENSSL_STATIC=1 OPENSSL_LIBS=$libraries OPENSSL_LIB_DIR=$directory"
echo "OPENSSL_INCLUDE_DIR=$(pkg-config --variable=includedir openssl)"
