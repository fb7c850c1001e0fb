/* What the stages of a tokenizer share: the text with its alignment, pieces, tokens, and the stages' functions. */
#ifndef ALB_TOKENIZER_STAGES_H
#define ALB_TOKENIZER_STAGES_H

#include "alb.pb-c.h"
#include "base/vec.h"
#include "format/charsmap.h"
#include "runtime/tokenizer/added_tokens.h"
#include "runtime/tokenizer/char_facts.h"
#include "runtime/tokenizer/tokenizer.h"
#include "runtime/tokenizer/trie.h"
#include "runtime/tokenizer/vocab_table.h"
#include "runtime/tokenizer/word_cache.h"

/* A character of a (normalized) text and the characters [start, end) of the input that it stands for. */
typedef struct alb_char {
  uint32_t cp, start, end;
} alb_char;
typedef ALB_VEC(alb_char) alb_chars;

/* Characters [begin, end) of the normalized text. */
typedef struct alb_piece {
  uint32_t begin, end;
} alb_piece;
typedef ALB_VEC(alb_piece) alb_pieces;

typedef struct alb_token {
  uint32_t id, start, end; /* offsets in the input */
  bool begins_word;        /* the first token of a piece that splitters left, or an added token */
} alb_token;
typedef ALB_VEC(alb_token) alb_token_list;

typedef ALB_VEC(uint8_t) alb_bytes;

/* How the best path of the Unigram model gets to the place between two characters of a word. */
typedef struct alb_unigram_step {
  double score;  /* of the path so far */
  uint32_t from; /* where its last part begins; UINT32_MAX: no path yet */
  uint32_t id;   /* of its last part */
} alb_unigram_step;

/* A part of the decoders' buffer: the text of a token. */
typedef struct alb_text_part {
  size_t begin, end;
} alb_text_part;

/* When a metaspace is put before a piece; the order of the names in files. */
typedef enum alb_prepend_scheme {
  ALB_PREPEND_ALWAYS,
  ALB_PREPEND_FIRST,
  ALB_PREPEND_NEVER,
  ALB_PREPEND_SCHEMES,
} alb_prepend_scheme;

/* What a splitter does with the delimiters; the order of the names in files. */
typedef enum alb_split_behavior {
  ALB_SPLIT_REMOVED,
  ALB_SPLIT_ISOLATED,
  ALB_SPLIT_WITH_PREVIOUS,
  ALB_SPLIT_WITH_NEXT,
  ALB_SPLIT_CONTIGUOUS,
  ALB_SPLIT_BEHAVIORS,
} alb_split_behavior;

/* TemplatePiece.kind */
enum { ALB_PIECE_TOKEN = 0, ALB_PIECE_FIRST = 1, ALB_PIECE_SECOND = 2 };

typedef struct alb_stage alb_stage;
typedef alb_status alb_normalize_fn(const alb_stage *stage, alb_token_scratch *scratch);
typedef alb_status alb_split_fn(const alb_stage *stage, alb_token_scratch *scratch, alb_piece piece);
typedef alb_status alb_model_fn(const alb_tokenizer *tokenizer, alb_token_scratch *scratch, alb_piece piece);
typedef alb_status alb_decode_fn(const alb_stage *stage, alb_token_scratch *scratch);
/* Preparing: check what the message says and make of it what running needs. */
typedef alb_status alb_prepare_stage_fn(alb_diag *diag, alb_stage *stage);
typedef alb_status alb_prepare_model_fn(alb_diag *diag, alb_tokenizer *tokenizer, const uint8_t *leave_out);

/* A stage as it runs. */
struct alb_stage {
  const Alb__TokenizerStage *message; /* borrowed */
  alb_normalize_fn *normalize;        /* one of these three */
  alb_split_fn *split;
  alb_decode_fn *decode;
  alb_split_behavior behavior;
  uint32_t *pattern; /* a plain pattern as code points, owned */
  size_t pattern_count;
  uint32_t *content; /* what a replacement puts in, owned */
  size_t content_count;
  alb_prepend_scheme scheme;
  alb_charsmap charsmap;           /* borrows from the message */
  struct pcre2_real_code_8 *regex; /* owned; NULL: a plain pattern */
  bool joins_spaces;               /* replace: makes one space of several, " {2,}" to " " */
};

struct alb_tokenizer {
  const Alb__Tokenizer *message; /* borrowed */
  alb_vocab_table vocab;
  size_t rows;
  alb_model_fn *model;
  alb_stage *normalizers, *splitters, *decoders;
  size_t normalizer_count, splitter_count, decoder_count;
  alb_added_set added_raw, added_normalized;
  const Alb__AddedToken **added_by_id; /* [vocab.count], for decoding */
  size_t single_specials, pair_specials;
  double *scores; /* unigram: [score_count], owned */
  size_t score_count;
  double unknown_score;
  uint32_t byte_tokens[256]; /* unigram: ids of <0x00> ...; ALB_NO_TOKEN: none */
  alb_trie trie;
  bool cuts;          /* texts may be cut at spaces (cuts.h) */
  bool joins_spaces;  /* ... but not where a space meets a space or what may become one */
  bool sees_clusters; /* ... nor where it is in a cluster with what follows */
};

struct alb_token_scratch {
  alb_diag *diag;          /* of the call under way */
  alb_char_facts *facts;   /* owned */
  alb_word_cache *words;   /* owned; NULL when the tokenizer does not cut */
  alb_bytes raw;           /* the text's bytes, with spaces behind them */
  size_t room;             /* characters that the normalizers may still make */
  size_t trials;           /* ... and those that may be made to find cuts */
  alb_chars input;         /* the text as it came */
  uint32_t origin;         /* where in the input the part under way begins */
  alb_chars text, spare;   /* the part under way: normalized; where the next stage writes */
  alb_pieces pieces, next; /* of text; what the splitter under way emits */
  alb_pieces matches;      /* delimiters that a splitter found, ascending */
  size_t enough;           /* pieces, none of them empty, that the splitter under way need not go beyond */
  alb_bytes bytes, spare_bytes;
  ALB_VEC(uint32_t) bounds; /* where in bytes a character begins */
  ALB_VEC(alb_unigram_step) steps;
  alb_token_list parts;            /* of the best path; start and end in characters of the word */
  ALB_VEC(alb_text_part) decoding; /* of bytes */
  alb_token_list tokens[2];        /* of the text and of the pair */
  alb_token_list *out;             /* the one under way */
  ALB_VEC(int32_t) ids;            /* the encoding */
  ALB_VEC(int32_t) type_ids;
  ALB_VEC(uint32_t) offsets;
  alb_bytes special, sequence, begins_word;
  struct pcre2_real_match_data_8 *match;
  struct pcre2_real_match_context_8 *match_context;
  struct pcre2_real_jit_stack_8 *jit_stack;
};

/* "out of memory" for the call under way. */
alb_status alb_scratch_memory(alb_token_scratch *scratch);

/* alb_unicode_class, remembered. */
static inline unsigned alb_scratch_class(alb_token_scratch *scratch, uint32_t cp) {
  return alb_char_facts_class(scratch->facts, cp);
}

/* Normalizers: text to text, with spare as the place to write. Splitters put pieces of the text into `next`; they may
 * write behind the text and cut there. Decoders change the parts of `decoding`. */
#define ALB_NORMALIZER(id, name, prepare, run) alb_normalize_fn run;
#define ALB_SPLITTER(id, name, prepare, run) alb_split_fn run;
#define ALB_TOKEN_MODEL(id, name, prepare, run) alb_model_fn run;
#define ALB_DECODER(id, name, run) alb_decode_fn run;
#include "runtime/tokenizer/stages.def"

alb_prepare_stage_fn alb_prepare_pattern, alb_prepare_prepend, alb_prepare_charsmap, alb_prepare_split,
    alb_prepare_metaspace, alb_find_behavior;
alb_prepare_model_fn alb_prepare_unigram;

/* Makes spare the text, and the text's memory the next spare. */
static inline void alb_scratch_swap(alb_token_scratch *scratch) {
  const alb_chars text = scratch->text;
  scratch->text = scratch->spare;
  scratch->spare = text;
}

/* Gives the characters of spare, made from the text, their alignments: the `start` of each holds, as an int32_t, its
 * change as the reference counts. 0 takes the place of one character of the text, -n of one and the n after it, what
 * is above 0 comes in addition. */
void alb_align_changes(alb_token_scratch *scratch);

/* Compiles a pattern, when it is a regular expression: ALB_MALFORMED when it can't be. */
alb_status alb_compile_pattern(alb_diag *diag, alb_stage *stage);
void alb_release_pattern(alb_stage *stage);
/* Puts the matches of the pattern in *piece into scratch->matches; `enough`: of so many, not empty, the rest may be
 * left out, and then *piece ends behind them. */
alb_status alb_find_pattern(const alb_stage *stage, alb_token_scratch *scratch, alb_piece *piece, size_t enough);
/* Gives scratch what the regular expressions of a tokenizer need to run. */
alb_status alb_prepare_regex_scratch(alb_diag *diag, const alb_tokenizer *tokenizer, alb_token_scratch *scratch);
void alb_release_regex_scratch(alb_token_scratch *scratch);

/* Emits the pieces of `piece` that scratch->matches cuts out under a behavior; `invert`: what lies between the matches
 * is the delimiter. Empty pieces are left out. */
alb_status alb_split_emit(alb_token_scratch *scratch, alb_piece piece, alb_split_behavior behavior, bool invert);

/* Writes a word's UTF-8 into scratch->bytes, behind `room` free bytes, and into scratch->bounds where each of its
 * characters and its end lie. */
alb_status alb_write_word(alb_token_scratch *scratch, alb_piece piece, size_t room);

/* A token for characters [begin, end) of the text. */
alb_status alb_emit_token(alb_token_scratch *scratch, uint32_t id, alb_piece piece);

/* Code points of valid UTF-8, into memory that the caller frees; NULL: no memory. n may be 0. */
uint32_t *alb_code_points(alb_str text, size_t *count);

#endif
