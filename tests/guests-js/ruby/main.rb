begin
  load ARGV.shift
rescue SystemExit => stop
  raise unless stop.success?
rescue Exception => error
  warn error.full_message(highlight: false)
  raise
ensure
  $stdout.flush
end
