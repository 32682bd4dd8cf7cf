@NullMarked
package dev.regroup.converters.closedform;

import org.jspecify.annotations.NullMarked;
