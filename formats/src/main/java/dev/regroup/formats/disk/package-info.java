/// Everything that writing an output does to a disk, in one narrow place: {@link Disk} for names,
/// {@link DiskFile} for bytes. Tests put a disk here that fails or dies at a chosen step.
@NullMarked
package dev.regroup.formats.disk;

import org.jspecify.annotations.NullMarked;
