package main_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
	"time"
)

// TestWeight holds what is felt on every commit: the size of the program that is installed, and the time that it takes to
// do nothing.
func TestWeight(t *testing.T) {
	if runtime.GOOS != "linux" || runtime.GOARCH != "amd64" {
		t.Skip("measured on linux/amd64")
	}
	exe := filepath.Join(t.TempDir(), "unbake")
	build := exec.Command("go", "build", "-tags=grpcnotrace", "-trimpath", "-ldflags=-s -w", "-o", exe, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0") // as a release is built: grpc's trace page would keep every method there is
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	info, err := os.Stat(exe)
	if err != nil {
		t.Fatal(err)
	}
	if info.Size() >= 25e6 {
		t.Errorf("%d bytes, 25 MB are too many", info.Size())
	}
	// The least of many: the others are the machine's.
	least := time.Hour
	for range 20 {
		cmd := exec.Command(exe, "--version")
		if err := cmd.Run(); err != nil {
			t.Fatal(err)
		}
		least = min(least, cmd.ProcessState.UserTime()+cmd.ProcessState.SystemTime())
	}
	if least >= 12*time.Millisecond {
		t.Errorf("starts in %v, 12 ms are too many", least)
	}
	t.Logf("%d bytes, starts in %v", info.Size(), least)
}
