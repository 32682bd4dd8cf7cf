@NullMarked
package dev.regroup.verify.measure;

import org.jspecify.annotations.NullMarked;
