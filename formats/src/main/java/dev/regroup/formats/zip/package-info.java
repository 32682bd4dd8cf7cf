/// Zip files, read strictly and at any place: {@link ZipDirectory} lists what a file holds and where,
/// so that stored members can be read where they lie.
///
/// Two programs must not see two contents in one file, so that whatever lets them differ is refused:
/// bytes before the first member, two ends of the directory, local headers that say otherwise,
/// members that share bytes, a name twice.
///
/// Source: PKWARE APPNOTE 6.3.10, sections 4.3 to 4.5.
@NullMarked
package dev.regroup.formats.zip;

import org.jspecify.annotations.NullMarked;
