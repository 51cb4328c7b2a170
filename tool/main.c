#include <stdio.h>
int main(void) { puts("almanac"); return 0; }
