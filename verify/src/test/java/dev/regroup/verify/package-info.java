@NullMarked
package dev.regroup.verify;

import org.jspecify.annotations.NullMarked;
