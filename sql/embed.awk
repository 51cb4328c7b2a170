# Turns the engine's SQL files into one C table: a section starts with a line "-- @name" and ends at the next.
# Comment lines are left out, so that what lands in a user's schema is SQL only.
function close_section() { if (open) print "\"},"; open = 0 }
BEGIN {
  print "/* Made from the .sql files by sql/embed.awk. */"
  print "#include \"tool/engine/sql_text.h\""
  print "const struct sql_text sql_texts[] = {"
}
/^-- @/ { close_section(); printf "{\"%s\", \"\"\n\"", $2 == "" ? substr($0, 5) : substr($2, 2); open = 1; next }
/^ *--/ { next }
open {
  # ?? would be a trigraph.
  gsub(/\\/, "\\\\"); gsub(/"/, "\\\""); gsub(/\?/, "\\?")
  if ($0 != "") printf "%s\\n\"\n\"", $0
}
END { close_section(); print "{0, 0}};" }
