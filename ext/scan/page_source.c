/* Pages: not built yet. */
#include "ext/scan/source.h"

int page_source_run(struct scan *scan, const struct scan_sink *sinks, int n_sinks, const char **why,
                    char **error) {
  (void)scan, (void)sinks, (void)n_sinks, (void)error;
  *why = "pages are not built yet";
  return SOURCE_NOT_UNDERSTOOD;
}
