package dev.regroup.converters.write;

/// How unchanged bytes get into the output.
///
/// @param link whether they may share blocks with the source
/// @param sparse whether holes of the source stay holes, instead of being written as zeros
/// @param checked whether elements that are not finite are refused
record CopyOptions(LinkMode link, boolean sparse, boolean checked) {}
