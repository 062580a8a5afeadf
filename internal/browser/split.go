package browser

// split reads $BROWSER: commands between separators, arguments between spaces, both kept
// together by simple or double quotes. Nothing is expanded and a backslash is a character, as
// in Windows paths. A command whose quote is never closed is left out.
func split(text string, separator byte) [][]string {
	var commands [][]string
	var argv []string
	var arg []byte
	quote, inArg := byte(0), false
	endArg := func() {
		if inArg {
			argv = append(argv, string(arg))
		}
		arg, inArg = nil, false
	}
	endCommand := func() {
		endArg()
		if len(argv) > 0 && argv[0] != "" {
			commands = append(commands, argv)
		}
		argv = nil
	}
	for _, c := range []byte(text) {
		switch {
		case quote != 0 && c == quote:
			quote = 0
		case quote == 0 && (c == '"' || c == '\''):
			quote, inArg = c, true
		case quote == 0 && c == separator:
			endCommand()
		case quote == 0 && (c == ' ' || c == '\t'):
			endArg()
		default:
			arg, inArg = append(arg, c), true
		}
	}
	if quote == 0 {
		endCommand()
	}
	return commands
}
