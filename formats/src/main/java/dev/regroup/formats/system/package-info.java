/// System calls that Java has no words for: cloning ranges of files, finding their holes, swapping
/// two names. Linux only; elsewhere everything here says that it cannot, and callers do without.
@NullMarked
package dev.regroup.formats.system;

import org.jspecify.annotations.NullMarked;
