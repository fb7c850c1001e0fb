/* How PCRE2 says what Oniguruma's \w and \s are; without brackets, for use in sets. */
#ifndef ALB_CONVERTER_REGEX_WORDS_H
#define ALB_CONVERTER_REGEX_WORDS_H

/* Oniguruma takes the Latin-1 superscripts and fractions for words too. */
#define ALB_REGEX_WORD "\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}\\xb2\\xb3\\xb9\\xbc-\\xbe"
#define ALB_REGEX_SPACE "\\p{White_Space}"
#define ALB_REGEX_NO_SPACE "\\P{White_Space}"

#endif
