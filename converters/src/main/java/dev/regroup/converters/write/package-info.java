/// Puts a converted checkpoint on disk: whole, or not at all.
@NullMarked
package dev.regroup.converters.write;

import org.jspecify.annotations.NullMarked;
