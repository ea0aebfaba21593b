# SPDX-License-Identifier: Apache-2.0
# Lines of text as a string of C.
s/["\\]/\\&/g
s/.*/"&\\n"/
