/* What the stages of a tokenizer share: the text with its alignment, pieces, tokens, and the stages' functions. */
#ifndef ALB_TOKENIZER_STAGES_H
#define ALB_TOKENIZER_STAGES_H

#include "alb.pb-c.h"
#include "base/vec.h"
#include "runtime/tokenizer/added_tokens.h"
#include "runtime/tokenizer/tokenizer.h"
#include "runtime/tokenizer/vocab_table.h"

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

/* A stage as it runs. */
struct alb_stage {
  const Alb__TokenizerStage *message; /* borrowed */
  alb_normalize_fn *normalize;        /* one of these two */
  alb_split_fn *split;
  alb_split_behavior behavior;
  uint32_t *pattern; /* a plain pattern as code points, owned */
  size_t pattern_count;
  uint32_t *content; /* what a replacement puts in, owned */
  size_t content_count;
  struct pcre2_real_code_8 *regex; /* owned; NULL: a plain pattern */
};

struct alb_tokenizer {
  const Alb__Tokenizer *message; /* borrowed */
  alb_vocab_table vocab;
  size_t rows;
  alb_model_fn *model;
  alb_stage *normalizers, *splitters;
  size_t normalizer_count, splitter_count;
  alb_added_set added_raw, added_normalized;
  const Alb__AddedToken **added_by_id; /* [vocab.count], for decoding */
  size_t single_specials, pair_specials;
};

struct alb_token_scratch {
  alb_diag *diag;          /* of the call under way */
  alb_chars input;         /* the text as it came */
  alb_chars text, spare;   /* the part under way: normalized; where the next stage writes */
  alb_pieces pieces, next; /* of text; what the splitter under way emits */
  alb_pieces matches;      /* delimiters that a splitter found, ascending */
  size_t enough;           /* pieces, none of them empty, that the splitter under way need not go beyond */
  alb_bytes bytes, spare_bytes;
  ALB_VEC(uint32_t) bounds; /* where in bytes a character begins */
  alb_token_list tokens[2]; /* of the text and of the pair */
  alb_token_list *out;      /* the one under way */
  ALB_VEC(int32_t) ids;     /* the encoding */
  ALB_VEC(int32_t) type_ids;
  ALB_VEC(uint32_t) offsets;
  alb_bytes special, sequence, begins_word;
  struct pcre2_real_match_data_8 *match;
  struct pcre2_real_match_context_8 *match_context;
  struct pcre2_real_jit_stack_8 *jit_stack;
};

/* "out of memory" for the call under way. */
alb_status alb_scratch_memory(alb_token_scratch *scratch);

/* Normalizers: text to text, with spare as the place to write. */
#define ALB_NORMALIZER(id, name, run) alb_normalize_fn run;
#define ALB_SPLITTER(id, name, prepare, run) alb_split_fn run;
#define ALB_TOKEN_MODEL(id, name, run) alb_model_fn run;
#include "runtime/tokenizer/stages.def"

/* Compiles a pattern: ALB_MALFORMED when it can't be. */
alb_status alb_prepare_split(alb_diag *diag, alb_stage *stage);
void alb_release_split(alb_stage *stage);
/* Gives scratch what the regular expressions of a tokenizer need to run. */
alb_status alb_prepare_regex_scratch(alb_diag *diag, const alb_tokenizer *tokenizer, alb_token_scratch *scratch);
void alb_release_regex_scratch(alb_token_scratch *scratch);

/* Emits the pieces of `piece` that scratch->matches cuts out under a behavior; `invert`: what lies between the matches
 * is the delimiter. Empty pieces are left out. */
alb_status alb_split_emit(alb_token_scratch *scratch, alb_piece piece, alb_split_behavior behavior, bool invert);

/* A token for characters [begin, end) of the text. */
alb_status alb_emit_token(alb_token_scratch *scratch, uint32_t id, alb_piece piece);

/* Code points of valid UTF-8, into memory that the caller frees; NULL: no memory. n may be 0. */
uint32_t *alb_code_points(alb_str text, size_t *count);

#endif
