//go:build !linux

package highball_test

// Where descriptors are not limited in this way, there is no starved server.
const starvedServer = "HIGHBALL_TEST_STARVED"

func serveStarved() {}
