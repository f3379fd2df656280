package main

func compareMutations(t *tap, definitions map[string]*definition, dir, program string) {}
