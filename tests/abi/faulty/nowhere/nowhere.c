/* SPDX-License-Identifier: Apache-2.0 */
int a_function_of_nowhere(void);
int a_function_of_nowhere(void) {
  return 1;
}
