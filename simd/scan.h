/* What the variants of the selective scan share. */
#ifndef RFA_SCAN_H
#define RFA_SCAN_H

#define RFA_SCAN_LOG2E 0x1.715476p+0f /* log2(e) to nearest */

#endif
