package cli

import (
	"runtime"

	"github.com/spf13/cobra"
)

func (a *app) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Long:  "version prints what keyfob this is.\n" + exits(exitLocal),
		Example: `  keyfob version
  keyfob version --json`,
		Args: noArguments,
		RunE: func(*cobra.Command, []string) error {
			if !a.json {
				return a.print("keyfob %s (%s, %s/%s)", a.Version, runtime.Version(), runtime.GOOS, runtime.GOARCH)
			}
			return printJSON(a.Out, struct {
				document
				Version string `json:"version"`
				Go      string `json:"go"`
				OS      string `json:"os"`
				Arch    string `json:"arch"`
			}{thisSchema(), a.Version, runtime.Version(), runtime.GOOS, runtime.GOARCH}, "  ")
		},
	}
}
