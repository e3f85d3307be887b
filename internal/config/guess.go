package config

import (
	"strconv"
	"strings"
)

// didYouMean returns the remedy for a word that is not one of the words known in its place: the
// word that was probably meant, or else all there are.
func didYouMean(word string, known []string) string {
	if guess := nearest(word, known); guess != "" {
		return "did you mean " + strconv.Quote(guess) + "?"
	}
	return "known here: " + strings.Join(known, ", ")
}

// nearest returns the known word that is least far from word, or "" if none is near: at most one edit
// for short words and one in three letters for long ones.
func nearest(word string, known []string) string {
	word = fold(word)
	best, least := "", max(1, len(word)/3)+1
	for _, k := range known {
		if d := distance(word, fold(k)); d < least {
			best, least = k, d
		}
	}
	return best
}

// fold removes what people mix up without a slip of the finger.
func fold(word string) string {
	return strings.ReplaceAll(strings.ToLower(word), "-", "_")
}

// distance returns how many letters have to be inserted, removed, replaced or swapped with their
// neighbour to turn a into b (optimal string alignment).
func distance(a, b string) int {
	// Row i holds the distances between a[:i] and every prefix of b; a swap looks two rows back.
	before, above, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range above {
		above[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			replaced := above[j-1]
			if a[i-1] != b[j-1] {
				replaced++
			}
			row[j] = min(above[j]+1, row[j-1]+1, replaced)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, above, row = above, row, before
	}
	return above[len(b)]
}
