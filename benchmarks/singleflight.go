// SPDX-License-Identifier: LGPL-2.1-or-later

// The peer of the lock's row: for each number that it reads, it runs singleflight's Do that often
// around an empty function, and prints the nanoseconds that took.
package main

import (
	"fmt"
	"time"

	"golang.org/x/sync/singleflight"
)

func empty() (interface{}, error) {
	return nil, nil
}

func main() {
	var group singleflight.Group
	var n int

	for {
		if _, err := fmt.Scan(&n); err != nil {
			return
		}
		start := time.Now()
		for i := 0; i < n; i++ {
			group.Do("key", empty)
		}
		fmt.Println(time.Since(start).Nanoseconds())
	}
}
