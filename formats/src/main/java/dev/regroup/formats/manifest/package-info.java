/// What a complete output consists of: every file's name, size and hash.
@NullMarked
package dev.regroup.formats.manifest;

import org.jspecify.annotations.NullMarked;
