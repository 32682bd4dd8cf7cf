@NullMarked
package dev.regroup.verify.report;

import org.jspecify.annotations.NullMarked;
