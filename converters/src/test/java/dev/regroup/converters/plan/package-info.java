@NullMarked
package dev.regroup.converters.plan;

import org.jspecify.annotations.NullMarked;
