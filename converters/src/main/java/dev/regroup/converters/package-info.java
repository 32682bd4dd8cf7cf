/// The converters module.
@NullMarked
package dev.regroup.converters;

import org.jspecify.annotations.NullMarked;
