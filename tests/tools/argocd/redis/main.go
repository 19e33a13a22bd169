// Command redis keeps the caches of Argo CD for as long as it runs: miniredis, listening where it is told.
package main

import (
	"log"
	"os"
	"time"

	"github.com/alicebob/miniredis/v2"
)

func main() {
	if len(os.Args) != 2 {
		log.Fatal("usage: redis ADDRESS")
	}
	server := miniredis.NewMiniRedis()
	if err := server.StartAddr(os.Args[1]); err != nil {
		log.Fatalf("cannot listen on %s: %v", os.Args[1], err)
	}
	// Its clock stands still unless it is told the time.
	for range time.Tick(time.Second) {
		server.FastForward(time.Second)
	}
}
