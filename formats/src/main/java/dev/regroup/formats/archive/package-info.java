/// Models inside archives: zip, tar, and tar packed with gzip or zstd.
///
/// What a zip stores and a plain tar holds is read where it lies, so that opening an archive of a
/// large model costs no copy of it. What is packed is unpacked into a scratch folder: of a zip the
/// members that are asked for, of a packed tar, which cannot be read from the middle, all. Nothing is
/// ever written outside that folder: {@link MemberGate} judges every name, kind and size first.
@NullMarked
package dev.regroup.formats.archive;

import org.jspecify.annotations.NullMarked;
