@NullMarked
package dev.regroup.runtime.text;

import org.jspecify.annotations.NullMarked;
