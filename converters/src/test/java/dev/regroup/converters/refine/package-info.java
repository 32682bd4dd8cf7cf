@NullMarked
package dev.regroup.converters.refine;

import org.jspecify.annotations.NullMarked;
