/// The source's side of a conversion: its weights, checked as they are read.
@NullMarked
package dev.regroup.converters.source;

import org.jspecify.annotations.NullMarked;
