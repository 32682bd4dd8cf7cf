@NullMarked
package dev.regroup.verify.compare;

import org.jspecify.annotations.NullMarked;
